/* SPDX-License-Identifier: BSD-3-Clause */
/* Known answers, one exchange per group. Made by `tests/oracle/ike_keys.py`; not by the code under test. */
#ifndef GVPN_TESTS_IKE_KEYS_VECTORS_H
#define GVPN_TESTS_IKE_KEYS_VECTORS_H

struct ike_keys_vector {
    const char *psk, *nonce_i, *nonce_r, *public_i, *public_r, *shared, *cookie_i, *cookie_r;
    const char *sa, *id_i, *id_r;
    const char *skeyid, *skeyid_d, *skeyid_a, *skeyid_e, *key, *first_iv, *hash_i, *hash_r;
    const char *last_block, *phase2_iv;
    unsigned message_id;
    const char *after, *hash_1, *hash_3;
};

static const struct ike_keys_vector ike_keys_vectors[] = {
    {
        .psk = "f3942078f87b87b5f1e4d91263e41f020abbbb00e24d16c72642ef1a5fac852a3524e9cfc8e34b648a4f725279"
            "63582ea6ab7190c1b0721a06c1800b084099dd2006fb8c861e2fc3163224e559648b86b4",
        .nonce_i = "018736a797413314eb82b605360a699dade7d5be593254145439260f57d09b92b20cee",
        .nonce_r = "3eafde72627b1acb844ac4324715ca19023b091ae58f4dbb5e21f9c70c9fc985224ff4e11c1cc9f3ed59aaad59"
            "e371ff295526d69dc17e3d350e481463302266dfc6c163930a9de50f2820fbe11f9ef27ed31e6c22844f5066b3"
            "0e8b408700dea682975f5ff809507612219920f2f8168e755add1f8a780669",
        .public_i = "b48cb4b33300e03545f1e30b8def7922a1dfe76d2ffd42ccb7ee08b30c9f33599cd981e545df0414bab45850a7"
            "05798e50f14cca0479dde0b440d4f1b97db1a89a29de3a69ec8a077e335e181b16bce1e598400da3426b3d5d67"
            "0d4a9f9c5e48c5206dde2f91926be44cc2225df670fdad2fd012944842d6435f412a2298384a5b5baf0605c3da"
            "a99fb75a899915d306a5016ba3b195b663c29e6998301b1e31edbdf51d09db2905bba3454ec315cce522885668"
            "abdcf63cc5a05b833f0bf02623f6ad239e543a8f2ec574b24e0a2c9af9f6e0f679316daf53aefe926858499cdd"
            "69d9d478e8248ff281207bb28d4c7383b1bfd4e6198346bdf9592e65719796",
        .public_r = "fbdf9b0f6d4969bd0fff84e30a4cdfbdbcdf4362e2c616fbd0d26663e77e106f0d37cf864d3556959bfeb6777a"
            "a2a5b636fd40a4d67a091ffec4404b5e720c099fa8fbd14f78c7f384f167bb70a37d0c87bef51b4d2d4c0945f7"
            "159178e9c06bff1bcdd49d2f0840833c0d142af67119fdbe1287bd37ce9fa515e59e1a82fc2923143add8995c8"
            "1d4831b05e22887b42e9f95b08ee86c494324e8fc005cd5328b04b57209ae1f52bc0c8d3faaf094588d98a6d38"
            "75d000245642833b859931a69e79311ee21c97bad319f8151cbd4a099ae8a6cd7b523d51d89aa1e3515763d4a7"
            "d0d7cc94446d3358f5a002a89b5d2f0a1316a62e8ec2cc5bd909c01c5e5138",
        .shared = "e33b26a8a4aac4e3e6955ab7764a91f2539544f0c4ccd42309580e34419163be04a55eb3263973478f2a56948c"
            "3140ebc1508b55eb7775581f1f1fb5c7ab4a824da9a9ec34ad2954adc5ad0c2064a701414ac4df1f7af940dfbd"
            "38489a18fd0eaee9a846339b5a2f92d6b1c278120453d7c2648ab29e8127bc55e4fc960541411ecab2bcc95cc0"
            "bdc12eaad4718a2b8843d2bce33999aacc2604a50edded3a61a5d8092e2a856d424667c9db05eac4a22bfadef8"
            "b6eb1cc60cf12ddc11ebdbc77a3f8aef3b8afcf7ac25e53803ed93d4b55b9b0938e080ece5b395f7713be5e4cc"
            "51411f8891c0c5fd4f621fc00184e1fe05fe5aa5b39486d6b541f34536333b",
        .cookie_i = "6fe132a5f6156570",
        .cookie_r = "5bea57a0d8142799",
        .sa = "a9bed4c2381b6323724386ef1f9cd02db20b828871c8a1d49418f013476f84beffbfecfb60cd8f0c011774cdbf"
            "aaad9adce1270c",
        .id_i = "010000000a000002",
        .id_r = "010000000a000001",
        .skeyid = "b1b9da39aa145e7e683d1b2098d41a1eef1c75903e9598ee0f1d9a68b57238df",
        .skeyid_d = "ff7bda0e60025565f04dbae5a517f1fb154192798b22c45245683f09f8335663",
        .skeyid_a = "50815c4ca905d4040fe55bce954dd25c9eb17eb45eed1be6f6cd58da7e2c7bcb",
        .skeyid_e = "f26c5001e131bf1352568fe8272af3f9c71d69bb5b772a193401e88f0f0d5412",
        .key = "f26c5001e131bf1352568fe8272af3f9c71d69bb5b772a193401e88f0f0d5412",
        .first_iv = "68abc60f23ecb77b4fe4bf28cea2d2a1",
        .hash_i = "63e2530f87f2c89fc5479370e92b27cb297653904b249b5199fb48dc6495cc4e",
        .hash_r = "f6ce5ddf7f8a2a64a669d3b9e8a902aee4ab519c97f69f3f065726a6a6679675",
        .last_block = "cbcbf13b8fb71f7bdf32795ae09b6300",
        .phase2_iv = "1994d22adf99cabe136d546ed5bc313c",
        .after = "f143159669207114330a6ebcac95abad7648d732d8920bd3fd533b40568641d6194658dbaf526b1d89ccb31ff6"
            "59d1e650d82eb0795c06675a522a7ee93a254fe168fbc6d07fb04ba5b8326752",
        .hash_1 = "6c7526c0c61b0ee1de103382c0d3d5e88550fa8d2069c54150a254bbe38e391a",
        .hash_3 = "95b69bc77f920d2b5b7d35934ae8770e387f6ba2a04630a6ab3dfb4330f2ac6f",
        .message_id = 0xd900c0ecu,
    },
    {
        .psk = "c5a8f1e63a82bcece1c36132da6b17809df968ffcf574a6e2121a5f202",
        .nonce_i = "74b81829b780d5fad3770320e3122dfb898af98c31d7ed560e17afcc60dae1d86b9d393d51d01d85647300d943"
            "f18625ed5e3029f24ade5241614be2fd73212a46605a12d2f9f25c5f96e3cef2cc6898f6c5b5a716f27886d239"
            "7b02ddb98a310b6a6e6c88ad7e3b36ed2e0379ab3b476cc301293a5e7e6cd5aa45c18afc56",
        .nonce_r = "445e08db4b4fd1e864fad836fdc5dc5542",
        .public_i = "d82f70b9a044d0a4e3250b2a2952ceb3d51703f3aadf5654ece04b872ff77bfcf2dd377fa9dbfad4f03c9944b8"
            "056a991942656b1552e31aa4f1d07b44bc2f76",
        .public_r = "b0fc1e8674d1d0d9eb80dbd1b4207ff913d35aecbbddf93c1615f9a94a47226d1cd32b87005be9da34c5047b53"
            "0aaa4d9e216ad331e06036cb5e065f7771f746",
        .shared = "a6eef550d7a968803ec06e29a1aad78b677bcc51de89a3028d8630c3928c08af",
        .cookie_i = "bfad64df1cbad53e",
        .cookie_r = "f0c91713ce0866cf",
        .sa = "ae4dfa03b8097b93bf519e7631e78b9c3a8f12d6ed630d726884b9e0b9388019d2c6d97514a1ce7800fd835e2c"
            "87731cbe925083",
        .id_i = "010000000a000002",
        .id_r = "010000000a000001",
        .skeyid = "aed48f85e10e6d58dc5dbfb0d07471610ed6c7f4f1c96d9f1d95977db496431f",
        .skeyid_d = "34c5976aeee1627a08bd43fe0a53743c2eb1bdf38f29872bd6e57bdcd66240f1",
        .skeyid_a = "851a8c8bd988a11894a6170e61509038f4ff3a9f34f875ca6b99fbb724e144c2",
        .skeyid_e = "9b24af513875770ad0510a7ef1af5af89d15db8b586a9f55de21bf9c48948069",
        .key = "9b24af513875770ad0510a7ef1af5af89d15db8b586a9f55de21bf9c48948069",
        .first_iv = "da3b9ea3d8d64656faf74bd2d13f4060",
        .hash_i = "e79bd789b38209f260f4cc49def1675d26a3fb2fbf916f311332dccdfa6666db",
        .hash_r = "8d228a712ec906880ebe1e4db0ea92888dbdc8aad61656c1be424741fee6c247",
        .last_block = "b40d309d094529728210898adbb9ba9b",
        .phase2_iv = "f9fa4ed0d79d6b89e17edc56faf3f211",
        .after = "a76c2148a681cfc990acd32a8e2eee0a7a2c0196834dffc9e261e973453a95c8c49803038d4991c3196d47c6c2"
            "7e79775b63dd135be3ff6ca07a950d90b2f5bebac7acce19b7990d3f9bf37208",
        .hash_1 = "7b8cfeb2adffb551ee5062ef2409fe1b2cd0648820a719a1a22c4ad5fe2f5332",
        .hash_3 = "a9c34077ab40c9b550ece865314a515503d7be8539246fe8e5af2f82f3dab5a9",
        .message_id = 0xe06fe546u,
    },
};

#endif
